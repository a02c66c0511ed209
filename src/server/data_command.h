/* `hubbub backup`, `hubbub export` and `hubbub erase`: what is kept, copied, shown and forgotten.
 *
 * argv[0] is the name of the command. All return the exit status. */
#ifndef SERVER_DATA_COMMAND_H
#define SERVER_DATA_COMMAND_H

int backup_command(int argc, char **argv);
int export_command(int argc, char **argv);
int erase_command(int argc, char **argv);

#endif
