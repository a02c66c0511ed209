/* `hubbub token`: makes a token for somebody, signed with the server's own key. */
#ifndef SERVER_TOKEN_COMMAND_H
#define SERVER_TOKEN_COMMAND_H

/* argv[0] is "token". Prints the token alone on standard output; returns the exit status. */
int token_command(int argc, char **argv);

#endif
